import type { ComponentChildren, JSX } from 'preact'

/** A small button beside a label; `of` is for those who do not see where it is. */
export function Small(props: { of: string; id?: string; press: () => void; children: ComponentChildren }): JSX.Element {
  return (
    <button type="button" class="button small" id={props.id} onClick={props.press}>
      {props.children}
      <span class="unseen"> {props.of.slice(0, 100)}</span>
    </button>
  )
}
