// @ts-check
// node scripts/application.mjs EXAMPLE FOLDER PACKAGE: makes FOLDER an application of its own, as a user of the package has one: the
// modules of examples/EXAMPLE, and a package.json with what they import, celeriac being the file PACKAGE. The image is made of it.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { fail, root } from './lib.mjs'

/** Clients of stores: loaded when a URL asks for them, so that no import tells of them. */
const STORES = ['amqplib', 'ioredis', 'pg']
/** What only `npm start` and the tests need. */
const LEFT_OUT = new Set(['main.ts', 'test', 'README.md'])

const [example = '', folder = '', archive = ''] = process.argv.slice(2)
const source = join(root, 'examples', example)
if (!example || !folder || !archive || !existsSync(join(source, 'tasks.ts')))
  fail(`expected an example with a tasks.ts, a folder and a package file, got ${process.argv.slice(2).join(' ')}`, 2)
if (!existsSync(archive)) fail(`expected the package in ${archive}, got no such file`, 2)

mkdirSync(folder, { recursive: true })
for (const name of readdirSync(source)) {
  if (!LEFT_OUT.has(name)) cpSync(join(source, name), join(folder, name), { recursive: true })
}
cpSync(archive, join(folder, basename(archive)))
const manifest = { name: example, private: true, type: 'module', dependencies: dependencies() }
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)

/** Packages that the modules name, in the versions that the repository tests them with. */
function dependencies() {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const names = modules().flatMap((file) => mentioned(file))
  /** @type {Record<string, string>} */
  const found = { celeriac: `file:${basename(archive)}` }
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    const isNamed = names.some((text) => text === name || text.startsWith(`${name}/`))
    if (isNamed || STORES.includes(name)) found[name] = version
  }
  return found
}

/** Texts of a module that may be names of packages. An import from outside the folder is an error. @param {string} file */
function mentioned(file) {
  const text = readFileSync(file, 'utf8')
  for (const [, path = ''] of text.matchAll(/from '(\.[^']*)'/g)) {
    if (!resolve(dirname(file), path).startsWith(resolve(folder) + sep))
      fail(`${file} imports ${path}, from outside its folder: examples/${example} is no application of its own`)
  }
  return [...text.matchAll(/(['"`])(.*?)\1/g)].map(([, , name = '']) => name)
}

function modules() {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return files.filter((name) => /\.[cm]?[jt]s$/.test(name)).map((name) => join(folder, name))
}
