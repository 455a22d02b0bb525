/** Runs a short program as the engine's own user and session: what asks the desktop's keyring cannot run in the keeper's namespaces. */
export { run as runProgram } from '../keeper/exec.ts'
