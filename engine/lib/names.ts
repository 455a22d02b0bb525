import { randomBytes, randomInt } from 'node:crypto'
import { EngineError } from '../contract/errors.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/** Refuses a name that Docker refuses. */
export function validateName(name: string, what = 'name'): void {
  if (NAME.test(name) && name.length <= 200) return
  throw new EngineError(
    'invalidArgument',
    'name.invalid',
    `Invalid ${what} (${name.slice(0, 200)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    { details: { name: name.slice(0, 200) } },
  )
}

/** A new id: 64 hex digits. */
export function newId(): string {
  return randomBytes(32).toString('hex')
}

const ADJECTIVES =
  'able amber ample brave breezy bright brisk calm candid clear clever cosmic crisp curious daring eager early earnest easy fair fleet fond frank fresh gentle glad golden grand happy hardy honest keen kind lively loyal lucid lunar merry mild modest neat nimble noble patient plucky polite prime proud quick quiet ready robust serene sharp silver smart snug solid steady stoic sunny swift tidy tranquil trim upbeat vivid warm wise witty'.split(
    ' ',
  )
const SURNAMES =
  'anning babbage bell bohr boole carson cerf cori curie darwin dijkstra easley edison einstein euler faraday fermi feynman franklin galileo gauss germain goldberg goodall haibt hamilton hawking herschel hertz hodgkin hopper hypatia jemison johnson joliot kepler khorana knuth lamarr lamport leavitt liskov lovelace maxwell mayer mccarthy mcclintock meitner mendel mirzakhani moore newton nightingale nobel noether pascal pasteur payne perlman planck ptolemy raman ride ritchie rosalind rubin sagan shannon shaw sinoussi tesla thompson torvalds turing volta wiles wilson wozniak wright yalow'.split(
    ' ',
  )

/** `adjective_surname`, at random. */
export function createRandomName(): string {
  return `${ADJECTIVES[randomInt(ADJECTIVES.length)]}_${SURNAMES[randomInt(SURNAMES.length)]}`
}
