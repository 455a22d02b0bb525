// Escape sequences (CSI, OSC, two-byte) and control characters, without the tab.
const ESCAPES = new RegExp(
  [
    String.raw`\u001b\[[0-9;?]*[ -/]*[@-~]`,
    String.raw`\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)`,
    String.raw`\u001b[@-Z\\^_]`,
    String.raw`[\u0000-\u0008\u000a-\u001f\u007f]`,
  ].join('|'),
  'g',
)

/** A line of log as plain text: terminal escapes and control characters are taken out, tabs stay. */
export const stripAnsi = (text: string): string => text.replace(ESCAPES, '')
