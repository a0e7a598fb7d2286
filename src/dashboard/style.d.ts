/** Styles become a file of their own, by the bundler. */
declare module '*.css'
