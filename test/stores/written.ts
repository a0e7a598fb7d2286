import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** A store that commit 6e94bae wrote, of schema version 1: see written/write.ts. */
export function written(name: 'store.db' | 'dump.rdb'): Buffer {
  return gunzipSync(readFileSync(new URL(`written/${name}.gz`, import.meta.url)))
}
