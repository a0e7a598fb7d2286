import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { parse } from '../../../../client/json.ts'
import { Json } from '../../../parts/text/json.tsx'
import { Outside, OutsideBlock } from '../../../parts/text/outside.tsx'
import type { LogRow } from './lineBuffer.ts'

/** Height of a line, px, as job.css has it. */
const ROW = 20
/** Lines that are drawn above and below those that are seen. */
const AROUND = 12
const ROWS_PER_PAGE = 15
/** Nearer to the end than this, px, is at the end. */
const NEAR = 4

export interface LinesProps {
  /** They change in place, with each version. */
  readonly rows: readonly LogRow[]
  readonly version: number
  /** Stay at the end when lines come. */
  readonly isFollowing: boolean
  /** The user has gone away from the end, or back to it. */
  readonly follow: (isOn: boolean) => void
}

/** Lines of which those that are seen are in the page alone, however many there are. */
export function Lines(props: LinesProps): JSX.Element {
  const { rows, follow } = props
  const [chosen, setChosen] = useState<number>()
  const { box, from, to, scrolled } = useWindow(props)
  const at = rows.findIndex(({ number }) => number === chosen)
  const current = rows[at]
  useEffect(() => {
    if (at >= 0) show(box.current, at)
  }, [chosen])
  return (
    <>
      <div
        ref={box}
        class="job-lines"
        role="listbox"
        tabIndex={0}
        aria-label="Log lines"
        aria-activedescendant={current && at >= from && at < to ? `line-${current.number}` : undefined}
        onScroll={scrolled}
        onKeyDown={(event) => {
          const next = moved(event.key, at, rows.length)
          if (next === undefined) return
          event.preventDefault()
          follow(false)
          setChosen(rows[next]?.number)
        }}
      >
        <div role="presentation" style={{ height: `${rows.length * ROW}px` }}>
          {rows.slice(from, to).map((row, place) => (
            <Line
              key={row.number}
              row={row}
              top={(from + place) * ROW}
              place={from + place + 1}
              size={rows.length}
              isChosen={row.number === chosen}
              choose={() => setChosen(row.number === chosen ? undefined : row.number)}
            />
          ))}
        </div>
      </div>
      {current && <Details row={current} />}
    </>
  )
}

/** Which lines are seen, while lines come and old ones go. */
function useWindow({ rows, isFollowing, follow }: LinesProps) {
  const box = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const first = rows[0]?.number ?? 0
  const before = useRef(first)
  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    if (isFollowing) element.scrollTop = element.scrollHeight
    // What is read stays where it is when older lines go.
    else if (first > before.current) element.scrollTop -= (first - before.current) * ROW
    before.current = first
    setTop(element.scrollTop)
  }, [rows.length, first, isFollowing])
  const scrolled = (): void => {
    const element = box.current
    if (!element) return
    setTop(element.scrollTop)
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR
    if (isAtEnd !== isFollowing) follow(isAtEnd)
  }
  const height = box.current?.clientHeight ?? 400
  const from = Math.max(0, Math.floor(top / ROW) - AROUND)
  return { box, from, to: Math.min(rows.length, Math.ceil((top + height) / ROW) + AROUND), scrolled }
}

/** The line that a key leads to; undefined for other keys. */
function moved(key: string, at: number, size: number): number | undefined {
  const start = at === -1 ? size : at
  const steps: Readonly<Record<string, number>> = {
    ArrowUp: start - 1,
    ArrowDown: start + 1,
    PageUp: start - ROWS_PER_PAGE,
    PageDown: start + ROWS_PER_PAGE,
    Home: 0,
    End: size - 1,
  }
  const next = steps[key]
  return next === undefined || size === 0 ? undefined : Math.min(size - 1, Math.max(0, next))
}

function show(box: HTMLElement | null, at: number): void {
  if (!box) return
  if (at * ROW < box.scrollTop) box.scrollTop = at * ROW
  else if ((at + 1) * ROW > box.scrollTop + box.clientHeight) box.scrollTop = (at + 1) * ROW - box.clientHeight
}

interface LineProps {
  readonly row: LogRow
  readonly top: number
  readonly place: number
  readonly size: number
  readonly isChosen: boolean
  readonly choose: () => void
}

function Line({ row, top, place, size, isChosen, choose }: LineProps): JSX.Element {
  const { number, level, time, message, fields } = row
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys choose it by the list around.
    <div
      id={`line-${number}`}
      class={`job-line ${level}`}
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      aria-posinset={place}
      aria-setsize={size}
      style={{ top: `${top}px` }}
      onClick={choose}
    >
      <time dateTime={time}>{clockOf(time)}</time>
      <span class="level">{level}</span>
      <Outside text={message} length={400} />
      {fields !== undefined && (
        <span class="quiet">
          <Outside text={fields} length={200} />
        </span>
      )}
    </div>
  )
}

/** Of ISO 8601: hours to ms, in the time zone of the browser. */
function clockOf(time: string): string {
  const at = new Date(time)
  if (Number.isNaN(at.getTime())) return '–'
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
}

/** All of the line that is chosen. */
function Details({ row }: { row: LogRow }): JSX.Element {
  const { number, attempt, level, time, message, fields } = row
  return (
    <section class="job-line-details" aria-label={`Line ${number + 1}`}>
      <p class="quiet">
        Line {number + 1} · attempt {attempt} · {level} · {time}
      </p>
      <OutsideBlock text={message} label="Message" />
      {fields !== undefined && <Fields text={fields} />}
    </section>
  )
}

function Fields({ text }: { text: string }): JSX.Element {
  try {
    return <Json value={parse(text)} label="Fields" />
  } catch {
    // It was cut, so that it is no JSON any more.
    return <OutsideBlock text={text} label="Fields" />
  }
}
