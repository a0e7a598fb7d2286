import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { project, type Running, runShared, start } from './harness.ts'

/** Where the newest child of `dev` listens. */
function urlOf(dev: Running): string {
  const found = [...dev.stdout.matchAll(/ \.> (http:\/\/\S+)\/v1 /g)].at(-1)
  return found?.[1] as string
}

async function post(url: string, args: unknown): Promise<{ status: number; id: string }> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(args) })
  const { id } = (await response.json()) as { id: string }
  return { status: response.status, id }
}

describe('dev', () => {
  test('API and worker in one; new code answers after a change, a mistake is waited out', async () => {
    const folder = project()
    mkdirSync(join(folder, 'lib'))
    writeFileSync(join(folder, 'lib/bonus.ts'), 'export const bonus = 0\n')
    const text = readFileSync(join(folder, 'tasks.ts'), 'utf8')
    const source = `import { bonus } from './lib/bonus.ts'\n${text.replace('x + y)', 'x + y + bonus)')}`
    writeFileSync(join(folder, 'tasks.ts'), source)
    const dev = start(folder, ['dev', '--port', '0'])
    await dev.until(/ \.> try: /)
    const { status, id } = await post(`${urlOf(dev)}/v1/tasks/add`, [1, 2])
    expect(status).toBe(202)
    expect((await runShared(folder, ['result', id, '--wait', '10s'])).stdout).toContain('result:    3\n')

    writeFileSync(join(folder, 'lib/bonus.ts'), 'export const bonus = 100\n')
    await dev.until(/ \.> try: /, 2)
    expect(dev.stderr).toContain('celeriac: lib/bonus.ts changed: restarting\n')
    const second = await post(`${urlOf(dev)}/v1/tasks/add`, [1, 2])
    expect((await runShared(folder, ['result', second.id, '--wait', '10s'])).stdout).toContain('result:    103\n')

    writeFileSync(join(folder, 'tasks.ts'), `${source}\nconst = 1\n`)
    await dev.until(/celeriac: tasks\.ts cannot be loaded: SyntaxError: .*\n[\s\S]*waiting for a change/)
    writeFileSync(join(folder, 'tasks.ts'), source)
    await dev.until(/ \.> try: /, 3)
    expect(await runShared(folder, ['call', 'add', '1', '2', '--wait'])).toMatchObject({ stdout: '103\n' })

    dev.child.kill('SIGTERM')
    expect((await dev.ended).code).toBe(0)
    await expect(fetch(urlOf(dev))).rejects.toThrow()
  })

  test('what a task writes, and what is installed, is no change', async () => {
    const folder = project()
    mkdirSync(join(folder, 'node_modules/other'))
    const dev = start(folder, ['dev', 'tasks.ts', '--port', '0'])
    await dev.until(/ \.> try: /)
    writeFileSync(join(folder, 'node_modules/other/index.js'), '')
    writeFileSync(join(folder, 'report.json'), '{}')
    mkdirSync(join(folder, 'fresh'))
    writeFileSync(join(folder, 'fresh/mark.ts'), '')
    await dev.until(/ \.> try: /, 2)
    expect(dev.stderr.match(/changed: restarting/g)).toHaveLength(1)
    expect(dev.stderr).toContain('celeriac: fresh/mark.ts changed')
  })

  test('a task that runs while code changes is given back and runs again on the new code', async () => {
    const folder = project()
    const dev = start(folder, ['dev', '--port', '0', '--grace', '100ms'])
    await dev.until(/ \.> try: /)
    await runShared(folder, ['call', 'forever', '--task-id', 'f1'])
    await dev.until(/forever\[f1\] received/)
    const text = readFileSync(join(folder, 'tasks.ts'), 'utf8')
    writeFileSync(join(folder, 'tasks.ts'), text.replace('for (;;) {', "for (;;) {\n    return 'new'\n"))
    await dev.until(/forever\[f1\] succeeded in \S+ 'new'/)
  })

  test('the child does not outlive a parent that was killed', async () => {
    const dev = start(project(), ['dev', '--port', '0'])
    await dev.until(/ \.> try: /)
    const url = urlOf(dev)
    dev.child.kill('SIGKILL')
    // `ended` waits for the pipes, which the child shares.
    await dev.ended
    await expect(fetch(url)).rejects.toThrow()
  })
})

test('serve: the API alone', async () => {
  const folder = project()
  const server = start(folder, ['serve', '-A', 'tasks.ts', '--port', '0'])
  await server.until(/HTTP API at \S+ \(tasks: add, boom, .*\)\n/)
  const url = /HTTP API at (\S+)/.exec(server.stdout)?.[1]
  const { status, id } = await post(`${url}/v1/tasks/measure`, { size: 3 })
  expect(status).toBe(202)
  expect((await runShared(folder, ['result', id])).stdout).toContain('state:     PENDING\n')
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
})
