import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../parts/ask/button.tsx'
import { logIn, me } from './session.ts'

/** Asks for the token that the server wants. */
export function LogIn(): JSX.Element {
  const [value, setValue] = useState('')
  const [refusal, setRefusal] = useState<string>()
  const submit = async (): Promise<void> => {
    try {
      setRefusal(undefined)
      await logIn(value.trim())
    } catch (error) {
      setRefusal((error as Error).message)
    }
  }
  return (
    <main class="alone">
      <form
        class="card login"
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <h1>celeriac</h1>
        <label class="field">
          <span>Token</span>
          <input
            type="password"
            value={value}
            autocomplete="current-password"
            spellcheck={false}
            aria-describedby="token-hint"
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <p class="quiet" id="token-hint">
          <code>celeriac dashboard</code> prints it at its start. The token of an API of yours is what its option{' '}
          <code>authorize</code> accepts.
        </p>
        {me.value !== undefined && (
          <p class="notice">
            The server does not accept the token of before. Was it restarted? Then it has another one.
          </p>
        )}
        {refusal !== undefined && (
          <p class="problem" role="alert">
            {refusal}
          </p>
        )}
        <Button kind="primary" submit onPress={submit}>
          Log in
        </Button>
      </form>
    </main>
  )
}
