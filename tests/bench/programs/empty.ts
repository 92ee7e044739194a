/** Does nothing: what the runtime itself costs, before and after any program. */
export {};
