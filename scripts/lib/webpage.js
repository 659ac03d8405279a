// Shows the form and hides what its choices leave out.
const form = document.querySelector('form');

function wanted(element, { name, value }) {
	if (name !== 'words')
		return !(name in element.dataset) || element.dataset[name].split(' ').includes(value);
	// A word of the head of a group stands for all its rows; sections have rows of their own.
	const text = (element.closest('.results tbody') ?? element).textContent;
	return text.toLowerCase().includes(value.toLowerCase());
}

function filter() {
	const choices = [...form.elements].filter((choice) => choice.value);
	for (const element of document.querySelectorAll('[data-base]'))
		element.hidden = !choices.every((choice) => wanted(element, choice));
	for (const body of document.querySelectorAll('tbody'))
		body.hidden = !body.querySelector('tr[data-base]:not([hidden])');
}

form.addEventListener('input', filter);
form.addEventListener('submit', (event) => event.preventDefault());
form.hidden = false;
filter(); // the browser may have kept the choices
