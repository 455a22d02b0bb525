/** Whether a version of Node (`20.19.1`) builds and runs Slipway. */
export function isNodeEnough(version: string): boolean
