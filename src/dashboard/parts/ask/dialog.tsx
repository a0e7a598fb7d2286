import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { Icon } from '../icon.tsx'

export interface DialogProps {
  readonly title: string
  /** The user wants it gone: by Escape, by the button, by a press beside it. */
  readonly close: () => void
  /** `wide`: for forms and texts. */
  readonly size?: 'small' | 'wide'
  readonly children: ComponentChildren
}

/** In front of the page, as long as it is rendered. The focus goes in, and back to where it was. */
export function Dialog({ title, close, size = 'small', children }: DialogProps): JSX.Element {
  const element = useRef<HTMLDialogElement>(null)
  const name = useId()
  useEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => (before instanceof HTMLElement ? before.focus() : undefined)
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, by the event `cancel`.
    <dialog
      ref={element}
      class={`dialog ${size}`}
      aria-labelledby={name}
      onCancel={(event) => {
        event.preventDefault()
        close()
      }}
      onClick={(event) => {
        if (event.target === element.current) close()
      }}
    >
      <div class="inside">
        <header>
          <h2 id={name}>{title}</h2>
          <button type="button" class="button icon" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  )
}
