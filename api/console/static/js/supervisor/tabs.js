// On a narrow screen the tabs scroll; the one that is open is brought into view.

for (const a of document.querySelectorAll('.tabs [aria-current]')) a.parentElement.scrollLeft = a.offsetLeft - a.parentElement.offsetLeft - 40;
