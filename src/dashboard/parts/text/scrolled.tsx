import type { ComponentChildren, JSX } from 'preact'

/** What may be larger than its place: keys scroll it, so it can have the focus, and has a name. */
export function Scrolled(props: { label: string; class?: string; children: ComponentChildren }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keys must reach what scrolls.
    <section class={props.class ?? 'scrolled'} tabIndex={0} aria-label={props.label}>
      {props.children}
    </section>
  )
}
