import type { ComponentChildren, JSX } from 'preact'
import { useId, useRef } from 'preact/hooks'
import { Icon } from '../icon.tsx'

/** A button that opens a short list of buttons: what can be done beside the first things. */
export function Menu({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  const id = useId()
  const list = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const place = (): void => {
    const around = button.current?.getBoundingClientRect()
    if (!around || !list.current) return
    list.current.style.top = `${around.bottom + 4}px`
    list.current.style.right = `${Math.max(8, window.innerWidth - around.right)}px`
  }
  return (
    <>
      <button
        ref={button}
        type="button"
        class="button icon"
        aria-label={label}
        title={label}
        popovertarget={id}
        onClick={place}
      >
        <Icon name="more" />
      </button>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the click comes from a button in it, which keys press. */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the same. */}
      <div ref={list} id={id} class="menu" popover="auto" onClick={() => list.current?.hidePopover()}>
        {children}
      </div>
    </>
  )
}
