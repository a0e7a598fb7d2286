import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { floors } from '../architecture/rules.ts'
import { output } from '../command.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const PAGES = ['docs/internals.md', 'docs/glossary.md']

function text(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** The text between two headings of internals.md. */
function section(heading: string): string {
  const found = text('docs/internals.md')
    .split(/^## /m)
    .find((part) => part.startsWith(heading))
  expect(found, `a section "${heading}"`).toBeDefined()
  return found as string
}

describe.each(PAGES)('%s', (page) => {
  it('names files and folders that exist, from src/ or from the repository', () => {
    const spans = [...text(page).matchAll(/`([^`\s]+)`/g)].map(([, span = '']) => span)
    const named = spans.filter((span) => /^\w[\w./-]*(?:\.(?:ts|md|mjs)|\/)$/.test(span))
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter((path) => !existsSync(join(root, 'src', path)) && !existsSync(join(root, path)))).toEqual([])
  })

  it('uses the nouns of the field', () => {
    const dialect = /\b(?:whoever|nobody|somebody|told|handed in|hands? out|gives? back|given back|word)\b/gi
    expect(text(page).match(dialect)).toBeNull()
  })
})

describe('the trip of one task', () => {
  const trip = section('The trip of one task on SQLite')
  const entries = [...trip.matchAll(/^- (.+?):/gm)].map(([, entry = '']) => entry)
  const visits = entries.flatMap((entry) => [...entry.matchAll(/`([\w./]+\.ts)`/g)].map(([, path = '']) => path))

  it('visits the files that the page names, and as many as it says', async () => {
    const called: string[] = JSON.parse(await output(process.execPath, [join(root, 'test/docs/trip.ts')]))
    const rooms = called.filter((path) => !/^(?:std|protocol)\//.test(path))
    expect([...new Set(visits)].sort()).toEqual(rooms)
    expect(Number(trip.match(/visits\s+(\d+) files/)?.[1])).toBe(rooms.length)
  })

  it('has stages of at most 25 lines', () => {
    const stages = trip.split(/^### /m).slice(1)
    expect(stages.map((stage) => stage.split('\n', 1)[0])).toHaveLength(6)
    expect(stages.filter((stage) => stage.trimEnd().split('\n').length > 25)).toEqual([])
  })
})

it('the floors of the page are those of the architecture test', () => {
  const [line = ''] = section('Floors and rooms').match(/^`std`[\s\S]*?\n\n/m) ?? []
  const named = line
    .split('<')
    .flatMap((part, at) => [...part.matchAll(/`([\w.]+)`/g)].map(([, name = '']) => [name, at] as const))
  const rooms = Object.entries(floors).filter(([room]) => existsSync(join(root, 'src', room)))
  const order = [...new Set(rooms.map(([, floor]) => floor))].sort((a, b) => a - b)
  expect(new Map(named)).toEqual(new Map(rooms.map(([room, floor]) => [room, order.indexOf(floor)])))
})
