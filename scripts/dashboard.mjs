// @ts-check
// node scripts/dashboard.mjs: the pages of src/dashboard/ bundled into dist/dashboard/, and how large they are.
import { fileURLToPath } from 'node:url'
import { buildPages } from './pages.mjs'

const { files, bytes, zipped } = await buildPages()
if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(`dashboard: ${files} files, ${bytes} bytes, ${zipped} bytes with gzip`)
