import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icon";

/** A modal dialog of the browser: it holds the focus, and Escape closes it. */
export function Dialog({ title, close, wide, children }: {
  title: string;
  /** Without it the dialog must be answered. */
  close?: () => void;
  wide?: boolean;
  children: ComponentChildren;
}) {
  const box = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    box.current?.showModal();
    // Else the browser takes the first button, and the key that was meant for the slices presses it.
    heading.current?.focus();
    return () => before?.focus?.();
  }, []);
  return (
    <dialog
      ref={box} class={wide ? "wide" : ""} aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        close?.();
      }}
    >
      <header>
        <h2 id="dialog-title" ref={heading} tabIndex={-1}>{title}</h2>
        {close && (
          <button class="icon" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        )}
      </header>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}
