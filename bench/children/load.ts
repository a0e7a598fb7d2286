import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The celeriac of this folder, which may be another commit's, with its version. */
export async function loadCeleriac(root: string) {
  const manifest = join(root, 'package.json')
  const { resolve } = createRequire(manifest)
  const load = (entry: string): Promise<unknown> => import(pathToFileURL(resolve(entry)).href)
  const [main, worker, http, beat] = (await Promise.all(
    ['celeriac', 'celeriac/worker', 'celeriac/http', 'celeriac/beat'].map(load),
  )) as [
    typeof import('celeriac'),
    typeof import('celeriac/worker'),
    typeof import('celeriac/http'),
    typeof import('celeriac/beat'),
  ]
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  return { ...main, ...worker, ...http, ...beat, version }
}
