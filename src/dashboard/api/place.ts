/** Where the pages are, and the API: whatever path the server, or a proxy before it, has put before them. */
export interface Place {
  /** Of what the API is below, without a slash at the end: `http://localhost:5000`. */
  readonly url: string
  /** Path of the API below it, as `/v1`. */
  readonly base: string
}

/** From the address of the script, which lies in `dashboard/` beside the API. */
export const place: Place = {
  url: new URL('..', import.meta.url).href.replace(/\/$/, ''),
  base: document.querySelector('meta[name=celeriac-base]')?.getAttribute('content') ?? '/v1',
}
