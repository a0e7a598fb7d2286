// The page of a job: shows how far it is, and then its picture. It is told by server-sent events; where those do not
// get through, it asks twice a second, as pages did before there were any.

const POLL = 500
/** Events that have said nothing for so long are held up on the way, ms. */
const PATIENCE = 3000
/** The bar gets this long to arrive before the picture takes its place, ms. */
const ARRIVAL = 350

const { jobid, state, progress } = document.body.dataset
const query = `jobid=${encodeURIComponent(jobid)}`
const [figure, status, bar, share, download] = ['imgpl', 'status', 'bar', 'share', 'download'].map((id) =>
  document.getElementById(id),
)
let ended = false
/** What the page has shown last. */
let last = { state, progress: Number(progress) }

// Loaded again, the page shows this job instead of starting another.
history.replaceState(null, '', `image_page?${query}`)
show(last)
if (!ended) listen()

function listen() {
  const events = new EventSource(`progress?${query}`)
  const fallBack = () => {
    events.close()
    void poll()
  }
  const impatient = setTimeout(fallBack, PATIENCE)
  // Back again: only what is new comes as an event.
  events.onopen = () => show(last)
  events.onmessage = ({ data }) => {
    clearTimeout(impatient)
    show(JSON.parse(data))
    if (ended) events.close()
  }
  events.onerror = () => {
    // A browser comes back by itself after a broken connection, but not after an answer that is no stream.
    if (events.readyState !== EventSource.CLOSED) {
      say('The connection is lost; trying again …')
      return
    }
    clearTimeout(impatient)
    fallBack()
  }
}

async function poll() {
  try {
    const response = await fetch(`progress?${query}`)
    if (!response.ok) throw new Error(`answered ${response.status}`)
    show(await response.json())
  } catch {
    say('The server does not answer; trying again …')
  }
  if (!ended) setTimeout(poll, POLL)
}

function show(info) {
  last = info
  const { state, progress = 0 } = info
  bar.value = progress
  share.textContent = `${Math.round(progress * 100)} %`
  if (state === 'SUCCESS') {
    ended = true
    say('Ready')
    setTimeout(showPicture, ARRIVAL)
  } else if (state === 'FAILURE' || state === 'REVOKED' || state === undefined) {
    ended = true
    give(state === undefined ? 'This plot is not kept any longer.' : 'This plot could not be drawn.')
  } else say(wordsFor(state, progress))
}

function wordsFor(state, progress) {
  if (state === 'RETRY') return 'That went wrong; it is tried again soon …'
  if (state !== 'PROGRESS') return 'Waiting for a worker …'
  if (progress < 0.3) return 'Fetching the data …'
  return progress < 0.8 ? 'Drawing the figure …' : 'Painting the pixels …'
}

async function showPicture() {
  const image = new Image(1600, 900)
  image.alt = 'Line chart: ten random values from 0 to 1000, one for each day from today on'
  image.src = `result.png?${query}`
  try {
    await image.decode()
  } catch {
    give('The picture cannot be loaded. Load this page again to try once more.')
    return
  }
  figure.replaceChildren(image)
  figure.setAttribute('aria-busy', 'false')
  download.hidden = false
}

/** Said once: a live region repeats nothing. */
function say(text) {
  if (status.textContent !== text) status.textContent = text
}

function give(text) {
  say(text)
  figure.setAttribute('aria-busy', 'false')
  figure.classList.add('failed')
}
