// What JSX of the pages calls; the bundler puts it into each file.
export { Fragment, h } from 'preact'
