import type { ComponentChildren, JSX } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Icon } from '../parts/icon.tsx'
import { controlId, useAround } from './around.ts'
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
  const last = list.length - 1
  return (
    <div class="rows" ref={element}>
      {list.slice(0, drawn).map((row, index) => (
        <div class="item" key={row.id} data-row={row.id}>
          <div class="content">{children(row, index)}</div>
          <div class="row tools">
            {move && (
              <>
                <RowButton
                  icon="up"
                  name={`Move up ${noun} ${index + 1}`}
                  isOff={index === 0}
                  press={() =>
                    change(
                      `${noun} ${index + 1} is ${noun} ${index} now`,
                      `[data-row="${row.id}"] [data-icon=up]`,
                      () => move(index, index - 1),
                    )
                  }
                />
                <RowButton
                  icon="down"
                  name={`Move down ${noun} ${index + 1}`}
                  isOff={index === last}
                  press={() =>
                    change(
                      `${noun} ${index + 1} is ${noun} ${index + 2} now`,
                      `[data-row="${row.id}"] [data-icon=down]`,
                      () => move(index, index + 1),
                    )
                  }
                />
              </>
            )}
            <RowButton
              icon="close"
              name={`Remove ${noun} ${index + 1}`}
              press={() => {
                const next = list[index + 1] ?? list[index - 1]
                const selector = next ? `[data-row="${next.id}"] [data-icon=close]` : ADD
                change(`${noun} ${index + 1} is removed`, selector, () => remove(index))
              }}
            />
          </div>
        </div>
      ))}
      {list.length > drawn && (
        <Small of={of} press={() => setDrawn(drawn + DRAWN)}>{`Show more (${list.length - drawn} left)`}</Small>
      )}
      {add && (
        <span data-add>
          <Small
            of={of}
            id={`${controlId(around, path)}~add`}
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
