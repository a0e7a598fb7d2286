import type { JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { timeOfDay } from '../text/format.ts'
import { momentsIn, pathOf, ticksTo } from './scale.ts'

/** One line of a chart. */
export interface Line {
  readonly label: string
  /** One of the colors of style/tokens.css, as `--good`. */
  readonly color: string
  /** Marked apart from the others without color, too. */
  readonly dashed?: boolean
  /** At each moment; null where nothing is known. */
  readonly values: readonly (number | null)[]
}

export interface ChartProps {
  /** What it shows. */
  readonly title: string
  /** Moments, ms since the epoch, rising. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  /** A value as people read it. */
  readonly format: (value: number) => string
}

const HEIGHT = 176
/** Of the values at the left, the moments below, and at the top and the right, px. */
const LEFT = 76
const BELOW = 22
const AROUND = 8
const DAY_MS = 86_400_000
const ofSecond = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const ofYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

/** Lines over time. Below the pointer, the legend has the values of that moment; else the last ones. */
export function Chart({ title, times, lines, format }: ChartProps): JSX.Element {
  const [at, setAt] = useState<number>()
  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        <Legend lines={lines} format={format} at={at} />
        <span class="quiet number">{at === undefined ? '' : ofSecond.format(times[at])}</span>
      </figcaption>
      <Drawing times={times} lines={lines} format={format} at={at} point={setAt} />
    </figure>
  )
}

interface DrawingProps extends Omit<ChartProps, 'title'> {
  /** Index of the moment below the pointer. */
  readonly at: number | undefined
  readonly point: (at: number | undefined) => void
}

function Drawing({ times, lines, format, at, point }: DrawingProps): JSX.Element {
  const [place, width] = useWidth()
  const [inner, bottom] = [Math.max(1, width - LEFT - AROUND), HEIGHT - BELOW]
  const x = (index: number): number => LEFT + (index / Math.max(1, times.length - 1)) * inner
  const ticks = ticksTo(Math.max(1, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0))), 4)
  const top = ticks.at(-1) ?? 1
  const y = (value: number): number => bottom - (value / top) * (bottom - AROUND)
  const paths = useMemo(() => lines.map(({ values }) => pathOf(values, x, y)), [lines, inner, top])
  const follow = (event: PointerEvent): void => {
    const share = (event.offsetX - LEFT) / inner
    const index = Math.round(share * (times.length - 1))
    point(index >= 0 && index < times.length ? index : undefined)
  }
  return (
    <div ref={place} class="drawing">
      <svg
        width={width}
        height={HEIGHT}
        aria-hidden="true"
        onPointerMove={follow}
        onPointerLeave={() => point(undefined)}
      >
        {ticks.map((value) => (
          <g key={value}>
            <path class="grid" d={`M${LEFT} ${y(value)}H${LEFT + inner}`} />
            <text x={LEFT - 8} y={y(value) + 4} text-anchor="end">
              {format(value)}
            </text>
          </g>
        ))}
        <Moments times={times} inner={inner} />
        {lines.map(({ label, color, dashed }, index) => (
          <path
            key={label}
            class="line"
            d={paths[index]}
            style={{ stroke: `var(${color})` }}
            stroke-dasharray={dashed ? '5 4' : undefined}
          />
        ))}
        {at !== undefined && <path class="cursor" d={`M${x(at)} ${AROUND}V${bottom}`} />}
      </svg>
    </div>
  )
}

/** Round moments below the lines. */
function Moments({ times, inner }: { times: readonly number[]; inner: number }): JSX.Element {
  const [from = 0, to = 0] = [times[0], times.at(-1)]
  const format = to - from > 2 * DAY_MS ? (moment: number) => ofYear.format(moment) : timeOfDay
  return (
    <>
      {momentsIn(from, to, Math.max(1, Math.floor(inner / 90))).map((moment) => (
        <text
          key={moment}
          x={LEFT + ((moment - from) / Math.max(1, to - from)) * inner}
          y={HEIGHT - 6}
          text-anchor="middle"
        >
          {format(moment)}
        </text>
      ))}
    </>
  )
}

/** The lines with their values: the same in words. */
function Legend({ lines, format, at }: Pick<DrawingProps, 'lines' | 'format' | 'at'>): JSX.Element {
  return (
    <ul class="legend">
      {lines.map(({ label, color, dashed, values }) => {
        const value = at === undefined ? values.findLast((one) => one !== null) : values[at]
        return (
          <li key={label}>
            <svg viewBox="0 0 18 8" aria-hidden="true">
              <path
                class="line"
                d="M1 4H17"
                style={{ stroke: `var(${color})` }}
                stroke-dasharray={dashed ? '4 3' : undefined}
              />
            </svg>
            {label} <span class="number quiet">{value === undefined || value === null ? '–' : format(value)}</span>
          </li>
        )
      })}
    </ul>
  )
}

/** How wide an element is, px. */
function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const place = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)))
    if (place.current) watcher.observe(place.current)
    return () => watcher.disconnect()
  }, [])
  return [place, width]
}
