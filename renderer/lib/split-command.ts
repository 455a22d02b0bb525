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

/** The line that `splitCommand` reads as these words. */
export function joinCommand(words: readonly string[]): string {
  const quote = (word: string) => (word === '' || /[\s"'\\]/.test(word) ? `"${word.replace(/"/g, '"\'"\'"')}"` : word)
  return words.map(quote).join(' ')
}
