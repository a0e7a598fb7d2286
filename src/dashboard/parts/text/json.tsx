import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { stringify } from '../../../client/json.ts'
import { Icon } from '../icon.tsx'
import { Copy } from './copy.tsx'
import { count, counted } from './format.ts'
import { DRAWN_MEMBERS, type JsonFolds, type JsonRow, jsonRows, MAX_ROWS } from './jsonRows.ts'
import { Outside, OutsideBlock } from './outside.tsx'
import { Scrolled } from './scrolled.tsx'

/** Characters of a text that its line has. */
const LINE_LENGTH = 120
const MORE_MEMBERS = 1000
/** Deeper lines are not moved further to the right; they begin with their depth. */
const MAX_INDENT = 24

/** A JSON value as a tree that is folded; of a large or deep one only what is open is drawn. */
export function Json({ value, label }: { value: unknown; label: string }): JSX.Element {
  const [folds, setFolds] = useState<JsonFolds>({ open: new Map(), drawn: new Map() })
  const rows = jsonRows(value, folds)
  const toggle = ({ path, isOpen }: JsonRow): void =>
    setFolds({ ...folds, open: new Map(folds.open).set(path, !isOpen) })
  const more = ({ path }: JsonRow): void => {
    const drawn = (folds.drawn.get(path) ?? DRAWN_MEMBERS) + MORE_MEMBERS
    setFolds({ ...folds, drawn: new Map(folds.drawn).set(path, drawn) })
  }
  return (
    <div class="code json">
      <Scrolled label={label}>
        <ul>
          {rows.map((row) => (
            <li key={`${row.kind === 'more' ? 'more ' : ''}${row.path}`} style={{ paddingLeft: indentOf(row) }}>
              <Row row={row} toggle={() => toggle(row)} more={() => more(row)} />
            </li>
          ))}
        </ul>
        {rows.length >= MAX_ROWS && (
          <p class="quiet">No more than {count(MAX_ROWS)} lines are drawn: close parts above to see what follows.</p>
        )}
      </Scrolled>
      <Copy text={() => stringify(value)} label={`Copy: ${label}`} />
    </div>
  )
}

function indentOf({ depth }: JsonRow): string {
  return `${Math.min(depth, MAX_INDENT) * 16}px`
}

interface RowProps {
  readonly row: JsonRow
  readonly toggle: () => void
  readonly more: () => void
}

function Row({ row, toggle, more }: RowProps): JSX.Element {
  const { kind, size, isOpen, depth } = row
  if (kind === 'more')
    return (
      <button type="button" class="link" onClick={more}>
        Show more ({count(size)} left)
      </button>
    )
  const deep = depth > MAX_INDENT && <span class="quiet">{depth} </span>
  if (kind === 'text') return <Text row={row} toggle={toggle} deep={deep} />
  if (kind === 'plain')
    return (
      <span class="leaf">
        {deep}
        <Name row={row} />
        <span class="plain">{String(row.value)}</span>
      </span>
    )
  const brackets = kind === 'object' ? '{}' : '[]'
  if (size === 0)
    return (
      <span class="leaf">
        {deep}
        <Name row={row} />
        {brackets}
      </span>
    )
  return (
    <button type="button" class="fold" aria-expanded={isOpen} onClick={toggle}>
      <Icon name={isOpen ? 'down' : 'right'} />
      {deep}
      <Name row={row} />
      <span class="quiet">
        {brackets} {kind === 'object' ? counted(size, 'member') : counted(size, 'item')}
      </span>
    </button>
  )
}

function Name({ row: { name, index } }: { row: JsonRow }): JSX.Element | null {
  if (name !== undefined)
    return (
      <span class="name">
        <Outside text={name} />:{' '}
      </span>
    )
  return index === undefined ? null : <span class="quiet">{index}: </span>
}

/** A long text is one line until it is opened. */
function Text(props: { row: JsonRow; toggle: () => void; deep: JSX.Element | false }): JSX.Element {
  const { row, toggle, deep } = props
  const text = row.value as string
  const isLong = text.length > LINE_LENGTH || text.includes('\n')
  const line = (
    <>
      {deep}
      <Name row={row} />
      <span class="string">
        "<Outside text={text} length={LINE_LENGTH} />"
      </span>
    </>
  )
  if (!isLong) return <span class="leaf">{line}</span>
  return (
    <>
      <button type="button" class="fold" aria-expanded={row.isOpen} onClick={toggle}>
        <Icon name={row.isOpen ? 'down' : 'right'} />
        {line}
        <span class="quiet"> {counted(text.length, 'character')}</span>
      </button>
      {row.isOpen && <OutsideBlock text={text} label={row.name ?? 'Text'} />}
    </>
  )
}
