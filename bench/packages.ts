import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Install the newest of these from npm into a folder of their own. */
export function installPackages(folder: string, names: readonly string[]): void {
  writeFileSync(join(folder, 'package.json'), '{"private": true}\n')
  const options = ['--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', ...options, ...names], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
}
