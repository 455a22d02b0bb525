import { EngineError } from '../contract/errors.ts'

const MAX_ID = 2_147_483_647

export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups and the primary one. */
  readonly additionalGids: readonly number[]
  readonly home: string
}

/** `user[:group]` of a container, looked up in the image's own files (their text, or `null`). */
export function resolveUser({
  user,
  passwd,
  group,
  groupAdd = [],
}: {
  readonly user: string
  readonly passwd: string | null
  readonly group: string | null
  /** Further groups, by name or number. */
  readonly groupAdd?: readonly string[]
}): ResolvedUser {
  const cut = user.indexOf(':')
  const [userPart, groupPart] = cut < 0 ? [user, ''] : [user.slice(0, cut), user.slice(cut + 1)]
  const users = rows(passwd, 7)
  const groups = rows(group, 3)
  const wanted = userPart || '0'
  // A number is always an id, never the name of an account that looks like one (CVE-2026-46680).
  const found = users.find(([name, , uid]) => (isNumeric(wanted) ? isSameId(uid, wanted) : name === wanted))
  if (!found && !isNumeric(wanted)) {
    throw new EngineError(
      'invalidArgument',
      'user.unknown',
      `unable to find user ${wanted}: no matching entries in passwd file`,
    )
  }
  const uid = found ? toId(found[2], wanted) : toId(wanted, wanted)
  const name = found?.[0] ?? ''
  let gid = found ? toId(found[3], wanted) : 0
  if (groupPart) gid = findGroup(groups, groupPart)
  const supplementary = groupPart
    ? []
    : groups
        .filter((row) => name !== '' && isNumeric(row[2] ?? '') && (row[3] ?? '').split(',').includes(name))
        .map((row) => toId(row[2], row[0] ?? ''))
  const added = groupAdd.map((one) => findGroup(groups, one))
  return { uid, gid, additionalGids: [...new Set([gid, ...supplementary, ...added])], home: found?.[5] || '/' }
}

function findGroup(groups: readonly string[][], wanted: string): number {
  const match = groups.find(([name, , id]) => (isNumeric(wanted) ? isSameId(id, wanted) : name === wanted))
  if (match || isNumeric(wanted)) return toId(match ? match[2] : wanted, wanted)
  throw new EngineError(
    'invalidArgument',
    'group.unknown',
    `unable to find group ${wanted}: no matching entries in group file`,
  )
}

function rows(text: string | null, least: number): string[][] {
  return (text ?? '')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((row) => row.length >= least - 1 && row[0] !== '')
}

function isNumeric(text: string): boolean {
  return /^\d+$/.test(text)
}

function isSameId(text: string | undefined, wanted: string): boolean {
  return isNumeric(text ?? '') && Number(text) === Number(wanted)
}

function toId(text: string | undefined, subject: string): number {
  const id = isNumeric(text ?? '') ? Number(text) : -1
  if (Number.isInteger(id) && id >= 0 && id <= MAX_ID) return id
  throw new EngineError(
    'invalidArgument',
    'user.out-of-range',
    `uids and gids must be in range 0-${MAX_ID}: ${subject}`,
  )
}
