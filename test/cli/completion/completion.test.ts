import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { commandTree } from '../../../src/cli/completion/commandTree.ts'
import { program } from '../../../src/cli/program.ts'
import { project, Running, run, runShared } from '../harness.ts'

/* zsh and fish are not on every machine: their tests are in completion.full.test.ts, which needs both. */

/** What bash offers for each of these command lines; the last word is the one that is completed. */
async function offered(folder: string, lines: readonly string[]): Promise<string[][]> {
  const calls = lines.map((line) => {
    // As readline splits it.
    const words = line
      .replaceAll('=', ' = ')
      .split(' ')
      .map((word) => `'${word}'`)
    return `COMP_WORDS=(${words.join(' ')}) COMP_CWORD=${words.length - 1}; _celeriac; echo "\${COMPREPLY[*]}"`
  })
  const script = ['set -u', 'source ./celeriac.bash', 'complete -p celeriac >&2', ...calls].join('\n')
  const { code, stdout } = await new Running('bash', ['--norc', '-c', script], folder).ended
  expect(code).toBe(0)
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ').filter((word) => word !== ''))
}

test('bash completes commands, options, and what options take', async () => {
  const folder = project({})
  const { code, stdout } = await run(folder, ['completion', 'bash'])
  expect(code).toBe(0)
  expect(stdout).not.toMatch(/\beval\b/)
  writeFileSync(join(folder, 'celeriac.bash'), stdout)
  const [commands, late, options, pools, equal, level, group, entry, remote, shells, files, paused] = await offered(
    folder,
    [
      'celeriac ',
      'celeriac -A tasks.ts wor',
      'celeriac worker --po',
      'celeriac worker -P ',
      'celeriac worker --pool=th',
      'celeriac call add -l d',
      'celeriac schedule ',
      'celeriac schedule add --mis',
      'celeriac -b redis://x control pool_',
      'celeriac completion ',
      'celeriac worker -A t',
      'celeriac pause ',
    ],
  )
  expect(commands).toEqual(program().commands.map((one) => one.name()))
  expect(late).toEqual(['worker'])
  expect(options).toEqual(['--pool'])
  expect(pools).toEqual(['inline', 'threads', 'processes', 'prefork', 'solo'])
  expect(equal).toEqual(['threads'])
  expect(level).toEqual(['debug'])
  expect(group).toEqual(expect.arrayContaining(['list', 'next', 'add']))
  expect(entry).toEqual(['--missed'])
  expect(remote).toEqual(['pool_grow', 'pool_restart', 'pool_shrink'])
  expect(shells).toEqual(['bash', 'zsh', 'fish'])
  // None: bash then completes the name of a file.
  expect(files).toEqual([])
  expect(paused).toEqual(['queue', 'task', 'limit'])
})

test('every command and option of the program is in the tree', () => {
  const tree = commandTree(program())
  const visit = (command: Command, path: readonly string[]): void => {
    const words = tree.find((one) => one.path.join(' ') === path.join(' '))
    for (const { long, short, hidden } of command.options)
      if (!hidden)
        for (const flag of [long, short]) if (flag) expect(words?.options.flatMap((one) => one.flags)).toContain(flag)
    for (const one of command.commands) visit(one, [...path, one.name()])
  }
  visit(program(), [])
  expect(tree.length).toBeGreaterThan(25)
})

test('a shell that it does not know is wrong use', async () => {
  const { code, stderr } = await runShared(project({}), ['completion', 'csh'])
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^celeriac: .*'csh' is invalid.*bash, zsh, fish\.\n$/)])
})
