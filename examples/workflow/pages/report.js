// Starts a report, and shows how many of its pages are done, then the report.

const [start, status, bar, failed, text] = ['start', 'status', 'bar', 'failed', 'text'].map((id) =>
  document.getElementById(id),
)

start.addEventListener('click', async () => {
  start.disabled = true
  failed.replaceChildren()
  text.textContent = ''
  const response = await fetch('reports', { method: 'POST' })
  const answer = await response.json()
  if (response.ok) follow(answer.events)
  else finish(answer.detail)
})

function follow(url) {
  const events = new EventSource(url)
  events.onmessage = ({ data }) => {
    const { state, done, total, report, error } = JSON.parse(data)
    bar.value = done / total
    status.textContent = `${done} of ${total} pages`
    if (state === 'PENDING') return
    events.close()
    if (report) show(report)
    else finish(error)
  }
}

function show(report) {
  finish(`Ready: ${report.pages} pages`)
  text.textContent = report.text
  for (const { page, error } of report.failed) {
    const line = document.createElement('li')
    line.textContent = `Page ${page} is missing: ${error}`
    failed.append(line)
  }
}

function finish(message) {
  status.textContent = message
  start.disabled = false
}
