import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { exportsOf, headOf, membersOf, typesBehind } from '../../scripts/declarations.mjs'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'celeriac-declarations-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What the first of these files exports. */
function read(files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return exportsOf(join(folder, Object.keys(files)[0] ?? ''))
}

it('follows exports of other files to their declarations', () => {
  const found = read({
    'index.d.ts': [
      "export type { Two } from './a/two.ts';",
      "export { one as uno,\n type Three, } from './a/one.ts';",
      "export * as states from './a/states.ts';",
      "export * from './a/all.ts';",
    ].join('\n'),
    'a/one.d.ts': "/** One. */\nexport declare const one: 1;\nexport { type Three } from './two.ts';",
    'a/two.d.ts':
      'interface Hidden {\n    a: 1;\n}\n/** Two. */\nexport interface Two {\n}\nexport type Three = 3;\nexport {};\n',
    'a/states.d.ts': '/** States. */\nexport declare const ON = "on";\n',
    'a/all.d.ts': 'export declare class All {\n}\n',
  })
  expect(found.map(({ name, kind, doc }) => [name, kind, ...doc])).toEqual([
    ['All', 'class'],
    ['Three', 'type'],
    ['Two', 'interface', 'Two.'],
    ['states', 'module', 'States.'],
    ['uno', 'const', 'One.'],
  ])
  expect(found.find(({ name }) => name === 'states')?.exports.map(({ name }) => name)).toEqual(['ON'])
})

it('is not confused by brackets and semicolons in types, texts and comments', () => {
  const [tricky] = read({
    'a.d.ts': `/**
 * First; it's {
 * whole.
 *
 * Second: \`'*\\/5'\`.
 */
export interface Tricky<A extends {
    b: ';';
}, F = () => void> extends Base<{ c: 1 }> {
    /** Of } one. */
    one(a: { b: '}' /* ; */ }): Promise<() => void>;
    readonly 'two;': \`{;\`;
}
`,
  })
  if (!tricky) throw new Error('expected a declaration')
  expect(tricky.doc).toEqual(["First; it's { whole.", "Second: `'*/5'`."])
  expect(headOf(tricky.texts[0] ?? '')).toMatch(/extends Base<\{ c: 1 \}>$/)
  expect(tricky.texts.flatMap(membersOf)).toEqual([
    { doc: ['Of } one.'], text: "one(a: { b: '}' /* ; */ }): Promise<() => void>;" },
    { doc: [], text: "readonly 'two;': `{;`;" },
  ])
})

it('takes overloads for one function, and leaves out private members', () => {
  const [twice, Open] = read({
    'a.d.ts':
      'export declare function twice(a: 1): 2;\n/** Doubles. */\nexport declare function twice(a: 2): 4;\n' +
      'export declare class Open {\n    #private;\n    private constructor();\n    close(): void;\n}\n',
  }).sort((one, other) => (one.name > other.name ? -1 : 1))
  expect(twice).toMatchObject({ doc: ['Doubles.'], texts: { length: 2 } })
  expect(Open?.texts.flatMap(membersOf).map(({ text }) => text)).toEqual(['close(): void;'])
})

it('finds the types that exports name and do not export, in other files too', () => {
  const found = read({
    'index.d.ts': "export { one, type Shown } from './a/one.ts';\nexport * as all from './a/all.ts';",
    'a/one.d.ts': [
      "import type { Far as Near, Unused } from './far.ts';",
      "import type { Outer } from 'elsewhere';",
      'interface Base {\n    /** Unused */\n    own: 1;\n}',
      'export interface Shown extends Base {\n    near: Near;\n    outer: Outer;\n}',
      'export declare class one {\n    private hidden: Unused;\n    shown: Shown;\n}',
    ].join('\n'),
    'a/far.d.ts': 'export type Far = Deep | "Other";\ntype Deep = 5;\ntype Other = 6;\nexport type Unused = 7;\n',
    'a/all.d.ts': 'type Value = 8;\nexport declare const VALUE: Value;\n',
  })
  expect(typesBehind(found).map(({ name, texts }) => [name, texts.length])).toEqual([
    ['Value', 1],
    ['Deep', 1],
    ['Far', 1],
    ['Base', 1],
  ])
})

it('refuses what it cannot read', () => {
  expect(() => read({ 'a.d.ts': 'export = one;\n' })).toThrow('got export = one;')
  expect(() => read({ 'a.d.ts': "export { gone } from './b.ts';\n", 'b.d.ts': 'export {};\n' })).toThrow('export gone')
})
