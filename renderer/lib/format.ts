/** Bytes as people read them, in powers of 1000 as disks are sold. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** Splits a command line at spaces; quotes keep words together and a backslash keeps the next character. */
export function splitCommand(text: string): string[] {
  const words: string[] = []
  let word = ''
  let isOpen = false
  let quote = ''
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] as string
    if (quote) {
      if (character === quote) quote = ''
      else word += character
    } else if (character === '"' || character === "'") {
      quote = character
      isOpen = true
    } else if (character === '\\' && index + 1 < text.length) word += text[++index]
    else if (/\s/.test(character)) {
      if (word || isOpen) words.push(word)
      word = ''
      isOpen = false
    } else word += character
  }
  if (word || isOpen) words.push(word)
  return words
}
