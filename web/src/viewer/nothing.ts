/** Stands in for what is never loaded. */
export default {};
