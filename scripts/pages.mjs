// @ts-check
// The pages of src/dashboard/ as static files: scripts and styles by esbuild, under names that change with their content.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { root } from './lib.mjs'

const source = join(root, 'src/dashboard')
const target = join(root, 'dist/dashboard')
/** Each page with its script; all have the styles of the first. */
const pages = [
  { html: 'index.html', script: 'main.tsx', name: 'main', to: 'index.html' },
  { html: 'docs/index.html', script: 'docs/main.tsx', name: 'docs', to: 'docs.html' },
]
/** What is part of the scripts, whose licences go with them. */
const bundled = ['preact']

/** Builds all of them into dist/dashboard/. @returns {Promise<ReturnType<typeof sizes>>} */
export async function buildPages() {
  const { build } = await import('esbuild')
  const fresh = `${target}.${process.pid}`
  rmSync(fresh, { recursive: true, force: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: pages.map(({ script, name }) => ({ in: join(source, script), out: name })),
    outdir: fresh,
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['es2022'],
    minify: true,
    charset: 'utf8',
    // Shorter than the calls of the automatic runtime.
    jsx: 'transform',
    jsxFactory: 'h',
    jsxFragment: 'Fragment',
    inject: [join(source, 'jsx.ts')],
    tsconfigRaw: {},
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  })
  await shorten(fresh)
  const outputs = Object.entries(metafile.outputs)
  const style = basename(outputs.find(([, { cssBundle }]) => cssBundle !== undefined)?.[1].cssBundle ?? '')
  for (const { html, script, to } of pages) {
    const [file] = outputs.find(([, { entryPoint }]) => entryPoint === `src/dashboard/${script}`) ?? []
    if (file === undefined) throw new Error(`esbuild wrote no src/dashboard/${script}`)
    const text = readFileSync(join(source, html), 'utf8')
    writeFileSync(join(fresh, to), text.replace('{script}', basename(file)).replace('{style}', style))
  }
  writeFileSync(join(fresh, 'LICENSES.txt'), licences())
  rmSync(target, { recursive: true, force: true })
  mkdirSync(join(root, 'dist'), { recursive: true })
  renameSync(fresh, target)
  return sizes()
}

/** The scripts once more: some 3 % smaller than esbuild makes them. @param {string} folder */
async function shorten(folder) {
  const { minify } = await import('terser')
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.js'))) {
    const { code = '' } = await minify(readFileSync(join(folder, name), 'utf8'), {
      module: true,
      compress: { passes: 2 },
    })
    writeFileSync(join(folder, name), code)
  }
}

/** Builds them where a source, or a package, is newer than what was built. */
export async function ensurePages() {
  const built = timeOf(join(target, 'index.html'))
  const inputs = [
    ...readdirSync(source, { recursive: true, encoding: 'utf8' }).map((name) => join(source, name)),
    ...readdirSync(join(root, 'src/client'), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(root, 'src/client', name),
    ),
    join(root, 'package-lock.json'),
    join(root, 'scripts/pages.mjs'),
  ]
  if (built === undefined || inputs.some((file) => (timeOf(file) ?? 0) > built)) await buildPages()
}

/** @param {string} file */
function timeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs
}

/** @typedef {{ bytes: number, zipped: number }} Size */

/** Of what /dashboard loads, and of what only /docs does. @returns {{ dashboard: Size, docs: Size }} */
function sizes() {
  const names = readdirSync(target).filter((name) => /\.(?:js|css|html)$/.test(name))
  const isOfDocs = (/** @type {string} */ name) => /^docs[-.]/.test(name)
  return { dashboard: sizeOf(names.filter((name) => !isOfDocs(name))), docs: sizeOf(names.filter(isOfDocs)) }
}

/** @param {readonly string[]} names @returns {Size} */
function sizeOf(names) {
  const contents = names.map((name) => readFileSync(join(target, name)))
  const sum = (/** @type {number[]} */ numbers) => numbers.reduce((all, one) => all + one, 0)
  return {
    bytes: sum(contents.map(({ length }) => length)),
    zipped: sum(contents.map((content) => gzipSync(content, { level: 9 }).length)),
  }
}

/** The packages that are part of the scripts, each with its licence. */
function licences() {
  return bundled
    .flatMap((name) => {
      const folder = join(root, 'node_modules', name)
      const file =
        statSync(folder, { throwIfNoEntry: false }) && readdirSync(folder).find((one) => /^licen[cs]e/i.test(one))
      return file ? [`${name}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`] : []
    })
    .join('\n---\n\n')
}
