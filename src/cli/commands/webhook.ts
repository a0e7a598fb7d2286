import { redactUrl } from '../../std/url.ts'
import { enable, endpointNotes, endpointUrl, troubleOf } from '../../webhook/endpoint.ts'
import { type AppOptions, withApp } from '../loadApp.ts'

export interface WebhookCommandOptions extends AppOptions {
  enable?: boolean
}

/** `celeriac webhook`: what is known against an endpoint, or its end. */
export async function webhook(text: string, options: WebhookCommandOptions): Promise<void> {
  const url = endpointUrl(text)
  await withApp(options, async (app) => {
    const notes = await endpointNotes(app)
    const state = options.enable ? enabledText(await enable(url, notes)) : stateText(await troubleOf(url, notes))
    process.stdout.write(`${redactUrl(url)} ${state}\n`)
  })
}

function enabledText(wasDisabled: boolean): string {
  return wasDisabled ? 'is enabled again' : 'was not disabled'
}

function stateText(trouble: Awaited<ReturnType<typeof troubleOf>>): string {
  if (!trouble) return 'works, as far as is known'
  if (trouble.disabled !== undefined) return `is disabled: ${trouble.disabled}`
  return `has failed since ${new Date(trouble.since).toISOString()}`
}
