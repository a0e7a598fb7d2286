import type { ComponentChildren, JSX } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Icon } from '../parts/icon.tsx'
import { useAround } from './around.ts'
import type { Path } from './model/json.ts'
import { Small } from './small.tsx'

interface RowsProps<T> {
  readonly list: readonly T[]
  readonly path: Path
  /** What they are in. */
  readonly of: string
  readonly noun: 'item' | 'member'
  readonly add: (() => void) | undefined
  readonly remove: (index: number) => void
  readonly move?: (from: number, to: number) => void
  readonly children: (row: T, index: number) => ComponentChildren
}

/** Rows that are drawn before the user asks for more. */
const DRAWN = 50

const ADD = ':scope > [data-add] > button'
const LAST_ROW = ':scope > .item:last-of-type > .content :is(input, textarea, select, button)'

/** Parts that can be added, removed and moved; the focus stays at what was pressed. */
export function Rows<T extends { readonly id: number }>(props: RowsProps<T>): JSX.Element {
  const { list, path, of, noun, add, remove, move, children } = props
  const around = useAround()
  const element = useRef<HTMLDivElement>(null)
  const focus = useFocusAfter(element)
  const [drawn, setDrawn] = useState(DRAWN)
  const change = (text: string, selector: string, act: () => void): void => {
    around.touch(path)
    act()
    around.announce(text)
    focus(selector)
  }
  return (
    <div class="form-rows" ref={element}>
      {list.slice(0, drawn).map((row, index) => (
        <div class="item" key={row.id} data-item={row.id}>
          <div class="content">{children(row, index)}</div>
          <RowTools
            ids={list.map(({ id }) => id)}
            index={index}
            noun={noun}
            change={change}
            remove={remove}
            move={move}
          />
        </div>
      ))}
      {list.length > drawn && (
        <Small of={of} press={() => setDrawn(drawn + DRAWN)}>{`Show more (${list.length - drawn} left)`}</Small>
      )}
      {add && (
        <span data-add>
          <Small
            of={of}
            press={() => {
              setDrawn(Math.max(drawn, list.length + 1))
              change(`${noun} ${list.length + 1} is added`, LAST_ROW, add)
            }}
          >{`Add ${noun === 'item' ? 'an item' : 'a member'}`}</Small>
        </span>
      )}
    </div>
  )
}

interface RowToolsProps extends Pick<RowsProps<unknown>, 'noun' | 'remove'> {
  readonly ids: readonly number[]
  readonly index: number
  readonly move: RowsProps<unknown>['move']
  readonly change: (text: string, selector: string, act: () => void) => void
}

function RowTools({ ids, index, noun, change, remove, move }: RowToolsProps): JSX.Element {
  const button = (id: number | undefined, icon: string): string => `[data-item="${id}"] [data-icon=${icon}]`
  const shift = (icon: 'up' | 'down', to: number): JSX.Element => (
    <RowButton
      icon={icon}
      name={`Move ${icon} ${noun} ${index + 1}`}
      isOff={to < 0 || to >= ids.length}
      press={() =>
        change(`${noun} ${index + 1} is ${noun} ${to + 1} now`, button(ids[index], icon), () => move?.(index, to))
      }
    />
  )
  const next = ids[index + 1] ?? ids[index - 1]
  return (
    <div class="row tools">
      {move && shift('up', index - 1)}
      {move && shift('down', index + 1)}
      <RowButton
        icon="close"
        name={`Remove ${noun} ${index + 1}`}
        press={() =>
          change(`${noun} ${index + 1} is removed`, next === undefined ? ADD : button(next, 'close'), () =>
            remove(index),
          )
        }
      />
    </div>
  )
}

function RowButton(props: { icon: string; name: string; isOff?: boolean; press: () => void }): JSX.Element {
  const { icon, name, isOff, press } = props
  return (
    <button
      type="button"
      class="button icon"
      data-icon={icon}
      title={name}
      aria-disabled={isOff ? true : undefined}
      onClick={() => isOff || press()}
    >
      <Icon name={icon} />
      <span class="unseen">{name}</span>
    </button>
  )
}

/** Where the focus goes when what was pressed has been drawn. */
function useFocusAfter(element: { readonly current: HTMLElement | null }): (selector: string) => void {
  const wanted = useRef<string>(undefined)
  useLayoutEffect(() => {
    const selector = wanted.current
    if (selector === undefined) return
    wanted.current = undefined
    element.current?.querySelector<HTMLElement>(selector)?.focus()
  })
  return (selector) => {
    wanted.current = selector
  }
}
