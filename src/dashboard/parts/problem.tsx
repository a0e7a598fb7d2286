import type { ComponentChildren, JSX } from 'preact'
import { Button } from './ask/button.tsx'
import { problemText } from './problemText.ts'

/** Why something failed, where the user looks for it: the title and the detail of the server's problem. */
export function Problem({ error, retry }: { error: Error; retry?: () => unknown }): JSX.Element {
  const { title, detail } = problemText(error)
  return (
    <div class="problem" role="alert">
      <p>
        <strong>{title}</strong>
        {detail !== undefined && <span>: {detail}</span>}
      </p>
      {retry && (
        <Button onPress={async () => void (await retry())} kind="plain">
          Try again
        </Button>
      )}
    </div>
  )
}

/** Where nothing is: what this place is for, and what to do next. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  )
}
