import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useValue } from '../../../api/signal.ts'
import { useKeys } from '../../../app/keys.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { Meter } from '../../../parts/meter.tsx'
import { Problem } from '../../../parts/problem.tsx'
import { count, counted } from '../../../parts/text/format.ts'
import { Json } from '../../../parts/text/json.tsx'
import { visible } from '../../../parts/text/outside.tsx'
import { Scrolled } from '../../../parts/text/scrolled.tsx'
import { LEVELS, type LogRow } from './lineBuffer.ts'
import { Lines } from './lines.tsx'
import type { JobStream } from './stream.ts'

export interface OutputProps {
  readonly stream: JobStream
  readonly isOver: boolean
  readonly isWaiting: boolean
}

/** What a job says while it runs: progress, output, log; live. */
export function Output({ stream, isOver, isWaiting }: OutputProps): JSX.Element {
  useValue(stream.version)
  const { lines, output, progress, problem, isCut } = stream
  const isSilent = lines.count === 0 && output.text === '' && progress === undefined
  return (
    <>
      {problem && <Problem error={problem} />}
      {progress !== undefined && progress !== null && !isOver && <Progress value={progress} />}
      {output.text !== '' && <Emitted stream={stream} />}
      {lines.count > 0 && <Log stream={stream} />}
      {isCut && <p class="notice">Older lines and parts of the output are not kept any more.</p>}
      {isSilent && !isOver && !isWaiting && (
        <p class="quiet">Nothing has come from it so far: no progress, output or log line.</p>
      )}
    </>
  )
}

/** As a share, where it has the usual members; always as it is, too. */
function Progress({ value }: { value: unknown }): JSX.Element {
  const share = shareOf(value)
  return (
    <section class="card" aria-labelledby="job-progress">
      <h2 id="job-progress">Progress</h2>
      {share !== undefined && (
        <p class="job-progress">
          <Meter share={share} label="Progress" /> <span class="number">{Math.round(share * 100)} %</span>
        </p>
      )}
      <Json value={value} label="Progress" />
    </section>
  )
}

const PAIRS = [
  ['done', 'total'],
  ['current', 'total'],
  ['page', 'of'],
  ['done', 'of'],
] as const

function shareOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value >= 0 && value <= 1 ? value : undefined
  if (typeof value !== 'object' || value === null) return undefined
  const members = value as Readonly<Record<string, unknown>>
  for (const [part, whole] of PAIRS) {
    const [done, total] = [members[part], members[whole]]
    if (typeof done === 'number' && typeof total === 'number' && total > 0)
      return Math.min(1, Math.max(0, done / total))
  }
  return undefined
}

function Emitted({ stream }: { stream: JobStream }): JSX.Element {
  useValue(stream.version)
  const { text, dropped, attempt } = stream.output
  const end = useRef<HTMLPreElement>(null)
  useEffect(() => {
    const box = end.current?.parentElement
    if (box && box.scrollHeight - box.scrollTop - box.clientHeight < 80) box.scrollTop = box.scrollHeight
  }, [text])
  return (
    <section class="card" aria-labelledby="job-emitted">
      <h2 id="job-emitted">Output{attempt > 1 && ` of attempt ${attempt}`}</h2>
      {dropped > 0 && <p class="notice">The first {count(dropped)} characters are not shown.</p>}
      <Scrolled label="Output" class="scrolled job-emitted">
        <pre ref={end}>
          <bdi>{visible(text.slice(-DRAWN), true)}</bdi>
        </pre>
      </Scrolled>
    </section>
  )
}

/** Characters of the end of the output that are drawn. */
const DRAWN = 50_000

function Log({ stream }: { stream: JobStream }): JSX.Element {
  const [isFollowing, follow] = useState(true)
  const [level, setLevel] = useState('debug')
  const [word, setWord] = useState('')
  const version = useValue(stream.version)
  const { lines } = stream
  const rows = chosenRows(lines.rows, level, word)
  useKeys([{ keys: 'e', does: 'Follow the end of the log', run: () => follow(!isFollowing) }])
  return (
    <section class="card" aria-labelledby="job-log">
      <div class="job-log-head">
        <h2 id="job-log">Log</h2>
        <span class="quiet number">{counted(lines.count, 'line')}</span>
        <label class="choice">
          Level
          <select value={level} onChange={(event) => setLevel(event.currentTarget.value)}>
            {LEVELS.map((one) => (
              <option key={one} value={one}>
                {one === 'error' ? 'error' : `${one} and above`}
              </option>
            ))}
          </select>
        </label>
        <input
          type="search"
          aria-label="Search in the log"
          placeholder="Search"
          value={word}
          onInput={(event) => setWord(event.currentTarget.value)}
        />
        <Button pressed={isFollowing} onPress={() => follow(!isFollowing)}>
          Follow the end
        </Button>
      </div>
      {lines.dropped > 0 && (
        <p class="notice">The oldest {counted(lines.dropped, 'line')} were dropped: the page keeps the newest.</p>
      )}
      {rows.length === 0 ? (
        <p class="quiet">No line has this level and this text.</p>
      ) : (
        <Lines rows={rows} version={version} isFollowing={isFollowing} follow={follow} />
      )}
    </section>
  )
}

function chosenRows(rows: readonly LogRow[], level: string, word: string): readonly LogRow[] {
  const least = LEVELS.indexOf(level as LogRow['level'])
  const small = word.trim().toLowerCase()
  if (least <= 0 && small === '') return rows
  return rows.filter(
    (row) =>
      LEVELS.indexOf(row.level) >= least &&
      (small === '' || row.message.toLowerCase().includes(small) || row.fields?.toLowerCase().includes(small)),
  )
}
