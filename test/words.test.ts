import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { pageProblems, readProse, wideComments, wordProblems } from './architecture/words.ts'

const root = new URL('..', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const filesOf = (folder: string, ending: RegExp): string[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => `${folder}/${name}`)
    .sort()

/** Written from the comments of src/, which are checked themselves. */
const generated = /^docs\/(?:api|contributing\/api-types)[.]md$/

const sources = filesOf('src', /[.][jt]s$/).map((path) => readProse(path, read(path)))

describe('plain words', () => {
  test('in comments and messages of src/', () => expect(sources.flatMap(wordProblems)).toEqual([]))

  test('in the pages that src/ serves', () => {
    expect(filesOf('src', /[.](?:html|css|tsx)$/).flatMap((path) => pageProblems(path, read(path)))).toEqual([])
  })

  test('in README, docs/, the READMEs of examples/ and the pages beside them', () => {
    const pages = filesOf('docs', /[.]md$/).filter((path) => !generated.test(path))
    const all = [
      'README.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      ...pages,
      ...filesOf('examples', /^[^/]+\/README[.]md$/),
    ]
    expect(all.flatMap((path) => pageProblems(path, read(path)))).toEqual([])
  })

  test('in the section Unreleased of CHANGELOG.md', () => {
    const [released] = /^[\s\S]*?^## Unreleased[\s\S]*?(?=^## |(?![\s\S]))/m.exec(read('CHANGELOG.md')) ?? ['']
    expect(released).not.toBe('')
    expect(pageProblems('CHANGELOG.md', released)).toEqual([])
  })
})

test('comments of src/ have at most 120 columns', () => expect(sources.flatMap(wideComments)).toEqual([]))

describe('the check finds', () => {
  test('words in comments, strings and templates, with the line and the better word', () => {
    const text = [
      '/** Given',
      ' * back. */',
      `export const a = \`x \${1} nobody\``,
      'export interface B {',
      '  /** Whoever. */',
      "  c: 'told'",
      '}',
      "export const told = 'anew'",
    ].join('\n')
    expect(wordProblems(readProse('std/a.ts', text))).toEqual([
      'std/a.ts:1: "Given back": release, requeue, return',
      'std/a.ts:3: "nobody": no caller, no consumer, no subscriber',
      'std/a.ts:5: "Whoever": the caller, the client, the holder, all that …',
      'std/a.ts:8: "anew": again, from the beginning',
    ])
  })

  test('words in a page, but not in names', () => {
    expect(pageProblems('a.md', '# A\n\nIt is `told`.\nWorkers hand\nout jobs.\n')).toEqual([
      'a.md:4: "hand out": emit, assign, issue',
    ])
  })

  test('wide comments, not wide strings', () => {
    const wide = 'x'.repeat(120)
    const text = `/**\n * ${wide}\n */\nexport const a = '// ${wide}'\nexport type B = { /* ${wide} */ b: '${wide}' }\n`
    expect(wideComments(readProse('std/a.ts', text))).toEqual([
      'std/a.ts:2: a comment of 123 columns',
      'std/a.ts:5: a comment of 272 columns',
    ])
  })
})
