import path from 'node:path'

const ARCHIVE = /\.(tar|tgz|tar\.(gz|zst))$/i

/** The image archives that a command line names, as absolute paths. Options and the app's own folder are not among them. */
export function archivesIn(argv: readonly string[], folder: string): string[] {
  return argv
    .slice(1)
    .filter((argument) => !argument.startsWith('-') && ARCHIVE.test(argument))
    .map((argument) => path.resolve(folder, argument.replace(/^file:\/\//, '')))
}
