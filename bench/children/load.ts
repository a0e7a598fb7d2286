import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The celeriac of this folder, which may be another commit's. */
export async function loadCeleriac(root: string) {
  const { resolve } = createRequire(join(root, 'package.json'))
  const load = (entry: string): Promise<unknown> => import(pathToFileURL(resolve(entry)).href)
  const [main, worker, http, beat] = (await Promise.all(
    ['celeriac', 'celeriac/worker', 'celeriac/http', 'celeriac/beat'].map(load),
  )) as [
    typeof import('celeriac'),
    typeof import('celeriac/worker'),
    typeof import('celeriac/http'),
    typeof import('celeriac/beat'),
  ]
  return { ...main, ...worker, ...http, ...beat }
}
