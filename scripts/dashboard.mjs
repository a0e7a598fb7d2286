// @ts-check
// node scripts/dashboard.mjs: the pages of src/dashboard/ bundled into dist/dashboard/, and how large they are.
import { buildPages } from './pages.mjs'

for (const [name, { bytes, zipped }] of Object.entries(await buildPages()))
  console.log(`${name}: ${bytes} bytes, ${zipped} with gzip`)
