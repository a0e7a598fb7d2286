import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { Running } from '../cli/harness.ts'
import { output, shellEnv } from '../command.ts'
import { pack } from '../pack.ts'
import { freePort } from '../redis/server.ts'
import { within } from '../wait.ts'
import { Document } from './document.ts'

const limit = 280_000

/** The package as `npm publish` would send it, and the versions of npm. */
let [tarball, tools] = ['', '']

beforeAll(async () => {
  tools = mkdtempSync(join(tmpdir(), 'celeriac-npm-'))
  tarball = join(tools, await pack(tools))
  return () => rmSync(tools, { recursive: true, force: true, maxRetries: 5 })
})

// `npm init -y` of npm 11 writes "type": "commonjs", that of npm 10 does not.
test.each(['10', '11'])(
  'README: its twenty lines by copy and paste in an empty folder, with npm %s',
  async (version) => {
    const bin = await installNpm(version)
    const env = shellEnv({ PATH: `${bin}:${shellEnv().PATH}` })
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-readme-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
    const sh = (line: string): Promise<string> => output('sh', ['-ec', line], { cwd: folder, env, limit })
    expect(await sh('npm --version')).toMatch(new RegExp(`^${version}[.]`))

    const readme = new Document('README.md')
    const [tasks = '', call = ''] = readme.code('ts')
    const lines = readme.code('sh').flatMap((block) => block.split('\n').map((line) => line.replace(/ +#.*/, '')))
    const line = (start: string): string => lines.find((each) => each.startsWith(start)) ?? ''
    await sh(line('npm init').replace(' celeriac', ` ${tarball}`))
    writeFileSync(join(folder, 'tasks.ts'), tasks)
    writeFileSync(join(folder, 'call.ts'), call)

    const port = String(await freePort())
    // A terminal's Ctrl-C reaches all processes of its group: npx does not pass the signal on.
    const server = new Running('setsid', ['sh', '-ec', `exec ${line('npx celeriac dev')} --port ${port}`], folder, env)
    await server.until(/ ready/)
    expect(await sh(line('npx celeriac call'))).toBe('5\n')
    expect(await sh(line('curl').replace('5000', port))).toContain('"state":"PENDING"')
    expect(await sh('node call.ts')).toMatch(/\n5 pages\n$/)
    process.kill(-(server.child.pid as number), 'SIGINT')
    await within(() => 'the end of npx celeriac dev', server.ended)
  },
)

/** The folder of its programs. */
async function installNpm(version: string): Promise<string> {
  const folder = join(tools, version)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  await output('npm', ['install', '--no-audit', '--no-fund', `npm@${version}`], { cwd: folder, limit })
  return join(folder, 'node_modules/.bin')
}
