import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startWords } from '../fleet/pty.ts'
import { project, Running, runShared } from '../harness.ts'

/** A folder with the script for a shell in a file. */
async function withScript(shell: string): Promise<string> {
  const folder = project({})
  const { stdout } = await runShared(folder, ['completion', shell])
  expect(stdout).not.toMatch(/\beval\b/)
  writeFileSync(join(folder, 'script'), stdout)
  return folder
}

test('fish completes commands, options and values, each with what it is for', async () => {
  const folder = await withScript('fish')
  const offered = async (line: string): Promise<string[]> => {
    const words = ['-c', `source ./script; complete -C ${JSON.stringify(line)}`]
    return (await new Running('fish', words, folder).ended).stdout.trimEnd().split('\n')
  }
  expect(await offered('celeriac eve')).toEqual(['events\tthe events of all workers, a line for each as it comes'])
  expect(await offered('celeriac -A tasks worker --po')).toEqual(['--pool\twhere tasks run; default: inline'])
  expect((await offered('celeriac worker -P ')).map((line) => line.split('\t')[0])).toEqual([
    'inline',
    'prefork',
    'processes',
    'solo',
    'threads',
  ])
  expect(await offered('celeriac schedule pa')).toEqual(['pause\tsend no runs of it until it is resumed'])
  expect(await offered('celeriac inspect me')).toEqual(['memdump', 'memsample'])
  expect(await offered('celeriac top -A scr')).toEqual(['script'])
})

test('zsh completes commands, options and values', async () => {
  const folder = await withScript('zsh')
  const zsh = startWords(folder, ['zsh', '-f', '-i'], { PS1: 'ready> ', TERM: 'xterm' })
  const setup = ['autoload -U compinit', 'compinit -u -D', 'source ./script', 'celeriac() { print -r -- "got:$*" }']
  zsh.child.stdin?.write(`${setup.join('; ')}; print set''up\n`)
  await zsh.until(/setup/)
  for (const [typed, completed] of [
    ['eve', 'events'],
    ['-A tasks worker --poo', '-A tasks worker --pool'],
    ['worker --pool th', 'worker --pool threads'],
    ['worker --pool=th', 'worker --pool=threads'],
    ['schedule pau', 'schedule pause'],
    ['inspect memd', 'inspect memdump'],
    ['top -A scr', 'top -A script'],
  ] as const) {
    zsh.child.stdin?.write(`celeriac ${typed}\t\n`)
    await zsh.until(new RegExp(`got:${completed}\\s`))
  }
})
