import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type RowWindow, windowOf } from './window.ts'

/** What the owner of a long table does with it. */
export interface RowsControl {
  /** Scroll as little as is needed to see this row. */
  readonly show: (index: number) => void
  readonly toTop: () => void
  /** Put the focus on the link, else the first control, of a row that is drawn. */
  readonly focus: (index: number) => void
}

export interface RowsProps {
  /** Name of the table. */
  readonly label: string
  /** Rows that can be scrolled to. */
  readonly count: number
  /** How many there are in all, as far as it is known. */
  readonly total: number | undefined
  /** Of each row, px: the same for all, and what the style says. */
  readonly height: number
  /** The row of the header, with `aria-rowindex={1}`. */
  readonly head: JSX.Element
  /** One row: a `<tr>` with `aria-rowindex={index + 2}`. */
  readonly row: (index: number) => JSX.Element
  /** These rows are seen now. */
  readonly onSeen?: (first: number, end: number) => void
  /** The table was scrolled to its top, or away from it. */
  readonly onTop?: (isTop: boolean) => void
  readonly control?: { current: RowsControl | null }
  /** Below the last row. */
  readonly children?: ComponentChildren
}

/** A table of any length: the document has only the rows that are seen, and some beside them. */
export function Rows(props: RowsProps): JSX.Element {
  const { label, count, total, height, head, row, control, children } = props
  const box = useRef<HTMLElement>(null)
  const { first, end } = useWindow(props, box)
  useControl(control, box, height)
  const indexes = Array.from({ length: end - first }, (_, at) => first + at)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keys must reach what scrolls.
    <section class="rows" ref={box} tabIndex={0} aria-label={label}>
      <table aria-label={label} aria-rowcount={total === undefined ? -1 : total + 1}>
        <thead>{head}</thead>
        <tbody>
          <Space height={first * height} />
          {indexes.map(row)}
          <Space height={(count - end) * height} />
        </tbody>
      </table>
      {children}
    </section>
  )
}

/** In place of the rows that are not drawn. */
function Space({ height }: { height: number }): JSX.Element | null {
  if (height <= 0) return null
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus.
    <tr class="space" aria-hidden="true">
      <td style={{ height: `${height}px` }} />
    </tr>
  )
}

/** The rows to draw, as the box is scrolled and sized. */
function useWindow(props: RowsProps, box: { readonly current: HTMLElement | null }): RowWindow {
  const { count, height } = props
  const latest = useRef(props)
  latest.current = props
  const [place, setPlace] = useState({ top: 0, seen: 0 })
  const shown = windowOf(count, { ...place, height })
  const drawn = useRef(shown)
  drawn.current = shown
  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    let wasTop = true
    let sizedAs = 0
    const look = (): void => {
      const { scrollTop: top, clientHeight: seen } = element
      const isTop = top <= 0
      if (isTop !== wasTop) latest.current.onTop?.(isTop)
      wasTop = isTop
      const next = windowOf(latest.current.count, { top, seen, height })
      const isSame = next.first === drawn.current.first && next.end === drawn.current.end
      if (!isSame || seen !== sizedAs) setPlace({ top, seen })
      sizedAs = seen
    }
    const sized = new ResizeObserver(look)
    sized.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    return () => {
      sized.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [height])
  const { first, end } = shown
  useEffect(() => latest.current.onSeen?.(first, end), [first, end])
  return shown
}

function useControl(
  control: { current: RowsControl | null } | undefined,
  box: { readonly current: HTMLElement | null },
  height: number,
): void {
  useLayoutEffect(() => {
    if (!control) return
    control.current = {
      show: (index) => show(box.current, index, height),
      toTop: () => box.current?.scrollTo({ top: 0 }),
      focus: (index) =>
        box.current
          ?.querySelector<HTMLElement>(`tr[aria-rowindex="${index + 2}"] :is(a, button)`)
          ?.focus({ preventScroll: true }),
    }
    return () => {
      control.current = null
    }
  }, [height])
}

function show(box: HTMLElement | null, index: number, height: number): void {
  if (!box) return
  // The header covers the first rows.
  const covered = box.querySelector('thead')?.offsetHeight ?? 0
  const top = index * height
  if (top < box.scrollTop) box.scrollTop = top
  const below = top + height + covered - box.clientHeight
  if (below > box.scrollTop) box.scrollTop = below
}
