import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { type Signal, signal, useValue } from '../../api/signal.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Text } from '../../parts/ask/fields.tsx'
import { Copy } from '../../parts/text/copy.tsx'

const KEY = 'celeriac.traceUrl'
/** URL of a trace, with `{traceId}` in it; of this browser. */
const template: Signal<string> = signal(localStorage.getItem(KEY) ?? '')

/** The trace that the run of a job is part of, with a link where the user has set one. */
export function Trace({ traceparent }: { traceparent: string }): JSX.Element {
  const [isEdited, setEdited] = useState(false)
  const [, traceId = '', spanId = ''] = traceparent.split('-')
  const link = linkOf(useValue(template), traceId, spanId)
  return (
    <section class="card" aria-labelledby="job-trace">
      <h2 id="job-trace">Trace</h2>
      <p class="row job-trace">
        <code>{traceId}</code>
        <Copy text={traceId} label="Copy the trace id" />
      </p>
      <div class="row">
        {link !== undefined && (
          <a href={link} target="_blank" rel="noopener noreferrer">
            Open the trace
          </a>
        )}
        <Button onPress={() => setEdited(!isEdited)}>
          {link === undefined ? 'Set where traces are' : 'Change the link'}
        </Button>
      </div>
      {isEdited && <TemplateForm close={() => setEdited(false)} />}
    </section>
  )
}

function TemplateForm({ close }: { close: () => void }): JSX.Element {
  const [value, setValue] = useState(template.value)
  const wrong = value.trim() === '' ? undefined : problemOf(value.trim())
  const save = (): void => {
    template.value = value.trim()
    localStorage.setItem(KEY, template.value)
    close()
  }
  return (
    <form
      class="field"
      onSubmit={(event) => {
        event.preventDefault()
        if (wrong === undefined) save()
      }}
    >
      <Text
        label="URL of a trace"
        value={value}
        placeholder="https://jaeger.example.com/trace/{traceId}"
        hint="With {traceId} in it; {spanId} may be there, too. This browser keeps it."
        wrong={wrong}
        change={setValue}
      />
      <div class="row">
        <Button kind="primary" submit disabled={wrong} onPress={save}>
          Save
        </Button>
      </div>
    </form>
  )
}

function problemOf(text: string): string | undefined {
  if (!text.includes('{traceId}')) return 'Expected {traceId} in it'
  return linkOf(text, '0', '0') === undefined ? 'Expected a URL that begins with https:// or http://' : undefined
}

/** Only of HTTP: no other scheme is opened. */
function linkOf(text: string, traceId: string, spanId: string): string | undefined {
  const filled = text
    .replaceAll('{traceId}', encodeURIComponent(traceId))
    .replaceAll('{spanId}', encodeURIComponent(spanId))
  return /^https?:\/\//i.test(filled) && URL.canParse(filled) ? filled : undefined
}
