import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startWords } from '../fleet/pty.ts'
import { project, run } from '../harness.ts'

/** A folder with the script for a shell in a file. */
async function withScript(shell: string): Promise<string> {
  const folder = project({})
  const { stdout } = await run(folder, ['completion', shell])
  expect(stdout).not.toMatch(/\beval\b/)
  writeFileSync(join(folder, 'script'), stdout)
  return folder
}

test('fish completes commands, options and values, each with what it is for', async () => {
  const folder = await withScript('fish')
  const offered = (line: string): string[] =>
    execFileSync('fish', ['-c', `source ./script; complete -C ${JSON.stringify(line)}`], {
      cwd: folder,
      encoding: 'utf8',
    })
      .trimEnd()
      .split('\n')
  expect(offered('celeriac eve')).toEqual(['events\tthe events of all workers, a line for each as it comes'])
  expect(offered('celeriac -A tasks worker --po')).toEqual(['--pool\twhere tasks run; default: inline'])
  expect(offered('celeriac worker -P ').map((line) => line.split('\t')[0])).toEqual([
    'inline',
    'prefork',
    'processes',
    'solo',
    'threads',
  ])
  expect(offered('celeriac schedule pa')).toEqual(['pause\tsend no runs of it until it is resumed'])
  expect(offered('celeriac inspect me')).toEqual(['memdump', 'memsample'])
  expect(offered('celeriac top -A scr')).toEqual(['script'])
})

test('zsh completes commands, options and values', async () => {
  const folder = await withScript('zsh')
  const zsh = startWords(folder, ['zsh', '-f', '-i'], { PS1: 'ready> ', TERM: 'xterm' })
  zsh.child.stdin?.write('autoload -U compinit && compinit -u -D && source ./script && PS1="now> "\n')
  await zsh.until(/\[Jnow> /)
  const lines = [
    ['celeriac eve\t', /celeriac events /],
    ['celeriac -A tasks worker --poo\t', /worker --pool /],
    ['celeriac worker --pool th\t', /--pool threads /],
    ['celeriac worker --pool=th\t', /--pool=threads /],
    ['celeriac schedule pau\t', /schedule pause /],
    ['celeriac inspect memd\t', /inspect memdump /],
    ['celeriac top -A scr\t', /-A script /],
  ] as const
  for (const [typed, completed] of lines) {
    zsh.child.stdin?.write(typed)
    await zsh.until(completed)
    // Ctrl-U takes the line away.
    zsh.child.stdin?.write('\u0015')
  }
})
