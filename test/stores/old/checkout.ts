import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { command, output } from '../../command.ts'

const root = join(import.meta.dirname, '../../..')

/** Flags of Node for a process of an old commit. */
export const OLD_FLAGS = ['--conditions=source', '--disable-warning=ExperimentalWarning']

/** The sources of an old commit, while the tests of a file run. */
export interface OldCheckout {
  /** False in a checkout without its history, as an archive or a shallow clone: it has no such commit. */
  readonly isThere: boolean
  /** Path of the program, among those sources. */
  program(): string
}

/** `program`: a file of this folder, which imports these sources. */
export async function oldCheckout(commit: string, program: string): Promise<OldCheckout> {
  const isThere = (await command('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: root })).code === 0
  let folder = ''
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'celeriac-old-'))
    if (!isThere) return
    const archive = join(folder, 'old.tar')
    await output('git', ['archive', '-o', archive, commit, 'package.json', 'src'], { cwd: root })
    await output('tar', ['-x', '-f', archive, '-C', folder])
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    copyFileSync(join(import.meta.dirname, program), join(folder, 'process.ts'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return { isThere, program: () => join(folder, 'process.ts') }
}
