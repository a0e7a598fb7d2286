import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { readDockerfile, words } from './dockerfile.ts'
import { ignoring } from './image.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const stages = readDockerfile(join(ROOT, 'Dockerfile'))
const last = stages.at(-1)
const textOf = (name: string): string | undefined =>
  last?.instructions.findLast((instruction) => instruction.name === name)?.text

it('every stage begins with a small official Node of the major version that the repository tests with', () => {
  // `npm test` may run on another, which it is told.
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const [major] = /\d+/.exec(devDependencies.node) ?? []
  expect(stages.map(({ image }) => image)).toEqual(stages.map(() => `node:${major}-slim`))
})

it('what runs is an unprivileged user, with a health check, in exec form, so that signals reach it', () => {
  expect(textOf('USER')).toBe('node')
  expect(textOf('HEALTHCHECK')).toMatch(/^--interval=\d+s --timeout=\d+s --start-period=\d+s CMD \["node", "-e", /)
  expect(words(textOf('ENTRYPOINT') ?? '')).toEqual(['celeriac'])
  expect(words(textOf('CMD') ?? '')[0]).toBe('serve')
  // The last stage runs nothing as root, and takes nothing but the application.
  expect(last?.instructions.filter(({ name }) => name === 'RUN')).toEqual([])
  const copied = last?.instructions.filter(({ name }) => name === 'COPY')
  expect(copied?.every(({ text }) => text.startsWith('--from=application '))).toBe(true)
})

it('nothing is fetched by ADD, and no secret is an argument', () => {
  const all = stages.flatMap(({ instructions }) => instructions)
  expect(all.filter(({ name }) => name === 'ADD')).toEqual([])
  expect(all.filter(({ name, text }) => /^(ARG|ENV)$/.test(name) && /token|password|secret/i.test(text))).toEqual([])
})

it('the context has all sources, and neither tests nor what git ignores', () => {
  const keeps = ignoring(ROOT)
  const sent = (name: string): boolean => keeps(join(ROOT, name))
  for (const name of ['src/index.ts', 'src/testing/testing.ts', 'examples/plots/tasks.ts', '.npmrc', 'package.json'])
    expect([name, sent(name)]).toEqual([name, true])
  for (const name of ['.git/config', '.env', 'node_modules/zod/package.json', 'dist/index.js', 'examples/plots/test/a'])
    expect([name, sent(name)]).toEqual([name, false])
  const source = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  expect(source.filter((name) => !sent(join('src', name)))).toEqual([])
})
