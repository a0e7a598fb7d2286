import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { theme } from '../app/theme.ts'
import type { Drawing, Line } from './drawing.ts'

export interface ChartProps {
  /** What it shows, for those who do not see it. */
  readonly title: string
  /** Moments, ms since the epoch, rising. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  /** A value as people read it. */
  readonly format: (value: number) => string
  /** px. Default 180. */
  readonly height?: number
}

/** Lines over time. The code that draws is loaded with the first chart. */
export function Chart({ title, times, lines, format, height = 180 }: ChartProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const drawing = useRef<Drawing | undefined>(undefined)
  const latest = useRef({ times, lines })
  latest.current = { times, lines }
  const shape = lines.map(({ label, color }) => `${label}${color}`).join()
  const colors = theme.value
  useEffect(() => {
    const element = place.current
    if (!element) return
    let isGone = false
    void import('./drawing.ts').then(({ Drawing }) => {
      if (isGone) return
      drawing.current = new Drawing(element, { lines: latest.current.lines, format, height })
      drawing.current.show(latest.current.times, latest.current.lines)
    })
    return () => {
      isGone = true
      drawing.current?.remove()
      drawing.current = undefined
    }
  }, [shape, colors, height])
  useEffect(() => drawing.current?.show(times, lines), [times, lines])
  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        <Legend lines={lines} format={format} />
      </figcaption>
      <div ref={place} style={{ height: `${height}px` }} aria-hidden="true" />
    </figure>
  )
}

/** The lines with their last values: the same in words. */
function Legend({ lines, format }: Pick<ChartProps, 'lines' | 'format'>): JSX.Element {
  return (
    <ul class="legend">
      {lines.map(({ label, color, dashed, values }) => {
        const last = values.findLast((value) => value !== null)
        return (
          <li key={label}>
            <svg viewBox="0 0 18 8" aria-hidden="true">
              <line
                x1="1"
                x2="17"
                y1="4"
                y2="4"
                style={{ stroke: `var(${color})` }}
                stroke-dasharray={dashed ? '4 3' : undefined}
              />
            </svg>
            {label} <span class="number quiet">{last === undefined || last === null ? '–' : format(last)}</span>
          </li>
        )
      })}
    </ul>
  )
}
