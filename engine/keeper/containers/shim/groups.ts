import fs from 'node:fs'
import path from 'node:path'

const ROOT = '/sys/fs/cgroup'
const STEP_MS = 10
const PATIENCE_MS = 2000

/** The control group that a bundle asks for, as a path below each tree; `''` for none. */
export function groupOf(bundle: string): string {
  try {
    const config = JSON.parse(fs.readFileSync(path.join(bundle, 'config.json'), 'utf8')) as {
      readonly linux?: { readonly cgroupsPath?: string }
    }
    return config.linux?.cgroupsPath ?? ''
  } catch {
    return ''
  }
}

/** Ends what is in a control group and removes it, in the tree of each controller (v1) or the one tree (v2). */
export async function removeGroups(group: string): Promise<void> {
  if (group === '' || path.normalize(group) === '/') return
  const trees = [ROOT, ...fs.readdirSync(ROOT).map((name) => path.join(ROOT, name))]
  const folders = trees.map((tree) => path.join(tree, group)).filter((folder) => fs.existsSync(folder))
  for (let waited = 0; waited < PATIENCE_MS; waited += STEP_MS) {
    if (folders.map(tryRemove).every(Boolean)) return
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
  }
}

function tryRemove(folder: string): boolean {
  try {
    for (const pid of fs.readFileSync(path.join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
      process.kill(Number(pid), 'SIGKILL')
  } catch {
    // It is gone, or what was in it.
  }
  try {
    fs.rmdirSync(folder)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
