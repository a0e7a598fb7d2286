import { execFile } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { UsageError } from './arguments.ts'
import { cacheFolder, runNpm } from './packages.ts'

const run = promisify(execFile)

async function git(root: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('git', args, { cwd: root, maxBuffer: 64 * 1024 * 1024 })
  return stdout.trimEnd()
}

/** The commit of a working tree, as `4ec5c7e`, with `+` where sources differ from it; `unknown` outside of a repository. */
export async function commitOf(root: string): Promise<string> {
  try {
    const commit = await git(root, 'rev-parse', '--short', 'HEAD')
    const changes = await git(root, 'status', '--porcelain', '--', 'src', 'bench')
    return commit + (changes === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}

/**
 * A commit's files in the cache folder, ready to be measured. Its dependencies are those of the working tree where the lock
 * files are the same; otherwise npm installs them. Throws UsageError where there is no such commit.
 */
export async function checkOut(
  root: string,
  name: string,
): Promise<{ readonly commit: string; readonly folder: string }> {
  const commit = await git(root, 'rev-parse', '--short', '--verify', `${name}^{commit}`).catch(() => {
    throw new UsageError(`--compare: expected a commit, got ${name}`)
  })
  const folder = join(cacheFolder(), 'commits', commit)
  if (!existsSync(folder)) await extract(root, commit, folder)
  await provideModules(root, folder)
  return { commit, folder }
}

async function extract(root: string, commit: string, folder: string): Promise<void> {
  const unfinished = `${folder}.${process.pid}`
  const archive = `${unfinished}.tar`
  mkdirSync(unfinished, { recursive: true })
  try {
    await git(root, 'archive', '--output', archive, commit)
    await run('tar', ['-xf', archive, '-C', unfinished])
    renameSync(unfinished, folder)
  } finally {
    rmSync(archive, { force: true })
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** The link is made again each time: the folder may be that of another working tree. */
async function provideModules(root: string, folder: string): Promise<void> {
  const modules = join(folder, 'node_modules')
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(modules)
  if (existsSync(modules)) return
  if (await isSameLock(root, folder)) symlinkSync(join(root, 'node_modules'), modules)
  else await runNpm(folder, ['ci'])
}

/** The lock file of the working tree, or its committed one: npm rewrites the file without a change of what it installs. */
async function isSameLock(root: string, folder: string): Promise<boolean> {
  const read = (path: string): string | undefined =>
    existsSync(path) ? readFileSync(path, 'utf8').trimEnd() : undefined
  const theirs = read(join(folder, 'package-lock.json'))
  if (theirs === undefined) return false
  return (
    theirs === read(join(root, 'package-lock.json')) || theirs === (await git(root, 'show', 'HEAD:package-lock.json'))
  )
}
