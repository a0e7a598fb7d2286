import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { measure } from './child.ts'

/** Of the job queues on SQLite for Node, the one that advertises its rate. */
export const PEER = 'plainjob'

/** What came of the attempt to have the peer at hand. */
export type Installed = { readonly versions: string } | { readonly problem: string }

/** Install the peer into `folder` with npm, and see whether its native part works. */
export async function installPeer(folder: string): Promise<Installed> {
  writeFileSync(join(folder, 'package.json'), '{"private": true}\n')
  try {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', PEER, 'better-sqlite3'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      // A native part must be for the Node that runs this, which need not be the one that npm finds.
      env: { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) },
    })
    return { versions: await measure<string>('./peerRoles.ts', { role: 'versions', folder }) }
  } catch (error) {
    return { problem: (error as Error).message.split('\n')[0] ?? '' }
  }
}
